"""What the families learn from: images and texts in four roles."""
