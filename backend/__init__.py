"""The in-process engine of the lab. Nothing below this package imports gradio."""
