"""Echo on Twisted: a protocol object for each client, called back by the reactor.

usage: python echo_twisted.py PORT        listens on 127.0.0.1; serves until killed.

A transport that is its own producer is paused while it owes much: that is back-pressure. At the end of the stream the
rest is sent first. Source: docs.twisted.org, "Producers and consumers" and IHalfCloseableProtocol.
"""

import sys

from twisted.internet import reactor
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer


@implementer(IHalfCloseableProtocol)
class Echo(Protocol):
    """One client: sends back what arrives."""

    def connectionMade(self) -> None:
        """Stop reading while too much is owed."""
        self.transport.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        """Answer."""
        self.transport.write(data)

    def readConnectionLost(self) -> None:
        """The client has ended its stream: send the rest, then close."""
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Nothing is written any more; what comes next says why."""


reactor.listenTCP(int(sys.argv[1]), Factory.forProtocol(Echo), backlog=4096, interface="127.0.0.1")
reactor.run()
