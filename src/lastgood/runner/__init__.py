"""The door of the detached process: started by a command, or kept by the worker."""
