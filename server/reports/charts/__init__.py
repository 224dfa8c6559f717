"""A sheet's picture as SVG: bars, lines and heat grids, told apart without their colour, too."""
