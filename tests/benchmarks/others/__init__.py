"""Other web servers and other stores, each in its usual form: started by command line, for `http` and `resp`."""
