"""One file for each class of attack, with the attacks made up by rules over whatever addresses Parley has."""
