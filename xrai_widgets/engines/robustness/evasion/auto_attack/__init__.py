"""The four parts of AutoAttack (Croce and Hein 2020, arXiv:2003.01690), and the minimal-norm attack FMN."""
