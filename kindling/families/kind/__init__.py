"""KinD itself (Zhang et al., ACM MM 2019): the table of its nets, and its fusion."""
