"""What a training is fed, in what order, for how long, and what a person sees of it. No framework."""
