"""The figures of the course: each function draws one and returns its matplotlib Axes.

A mechanism has the same colour, marker and dash in every figure, so that lines can be told apart
without colour too. Colours: Okabe and Ito's palette, made for colour-blind readers ("Color Universal
Design", 2008). Lines are labelled at their ends, spread is drawn, and the caption names the measurement and machine.

Example:
>>> left, right = iomux.plot.pair()
>>> iomux.plot.canteen(iomux.canteen.visit(iomux.canteen.cook(3)), left) is left
True
"""

from iomux.figures.busy_waiting import cpu_meter as cpu_meter
from iomux.figures.busy_waiting import pauses as pauses
from iomux.figures.busy_waiting import trade as trade
from iomux.figures.canteen import canteen as canteen
from iomux.figures.copying.copy_cost import copy_cost as copy_cost
from iomux.figures.copying.who_copies import overlap as overlap
from iomux.figures.copying.who_copies import who_copies as who_copies
from iomux.figures.distribution import distribution as distribution
from iomux.figures.growth import growth as growth
from iomux.figures.look.style import caption as caption
from iomux.figures.look.style import pair as pair
from iomux.figures.memory import memory as memory
from iomux.figures.pass_along import pass_along as pass_along
from iomux.figures.phases import phase_times as phase_times
from iomux.figures.phases import phases as phases
from iomux.figures.playground import playground as playground
from iomux.figures.protocols.compared import compared as compared
from iomux.figures.queueing.against_load import latency_against_load as latency_against_load
from iomux.figures.queueing.against_load import waiting as waiting
from iomux.figures.queueing.processes import shares as shares
from iomux.figures.steps import five_steps as five_steps
from iomux.figures.steps import steps as steps
from iomux.figures.sweep import cpu as cpu
from iomux.figures.sweep import latency as latency
from iomux.figures.sweep import littles_law as littles_law
from iomux.figures.sweep import throughput as throughput
from iomux.figures.sweep import work as work
from iomux.figures.symptom import symptom as symptom
from iomux.figures.tape import tape as tape
from iomux.figures.ticks import ticks as ticks
from iomux.figures.timeline import timeline as timeline
