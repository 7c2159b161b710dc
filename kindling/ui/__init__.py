"""The page in a browser: `kindling ui`. One file a tab, what they share beside them; Gradio is imported here alone."""
