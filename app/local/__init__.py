"""`sixfold up` and `demo`: a whole instance on one machine, supervised."""
