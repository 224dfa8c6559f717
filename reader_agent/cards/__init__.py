"""What is said to a 13.56 MHz card once it is selected, whichever reader it lies on."""
