"""KinD++ (Zhang et al., IJCV 2021): the tables of its nets, its fusion, its row."""
