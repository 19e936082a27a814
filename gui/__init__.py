"""The window. It never imports TensorFlow, Keras or the engine: those live in a process of their own."""
