"""What the models of the zoo learn from: images and texts of TFDS, and data that are made here from fixed seeds."""
