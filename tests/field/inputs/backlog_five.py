"""Right: a backlog of 5, as in many books. Who finds no place in it is not the server's affair."""

from common import one_loop, run

if __name__ == "__main__":
    run(one_loop, backlog=5)
