"""What is asked: cases as data, and the world they run in."""
