"""Wrong: a client that says nothing, or takes nothing, for two seconds is given up."""

from common import echo, threads


def serve(listener):
    def talk(client):
        client.settimeout(2.0)
        echo(client)

    threads(listener, talk)
