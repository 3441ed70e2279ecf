"""A check for every figure: no text is cut off."""

from matplotlib.axes import Axes


def texts_outside(ax: Axes) -> list[str]:
    """The texts that the edge of a figure cuts off."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()
    edge = figure.bbox
    ticks = [
        tick.label1
        for axis in (ax.xaxis, ax.yaxis)
        for tick in axis.get_major_ticks()
        if min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    ]
    assert len(ticks) >= 4, "an axis without numbers cannot be read"
    written = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts, *ticks]
    boxes = [(text.get_text(), text.get_window_extent()) for text in written if text.get_text() and text.get_visible()]
    return [words for words, box in boxes if box.x0 < -1 or box.y0 < -1 or box.x1 > edge.x1 + 1 or box.y1 > edge.y1 + 1]
