"""One module for each step; what a step does is never changed once it was released."""
