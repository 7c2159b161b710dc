"""What is known of a family of models: its nets, layer by layer, and how to tell it. No framework."""
