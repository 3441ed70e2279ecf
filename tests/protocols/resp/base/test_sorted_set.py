"""A sorted set keeps its order, whatever is put in and taken out."""

from hypothesis import given, settings
from hypothesis import strategies as st

from iomux.protocols.resp.base.sorted_set import SortedSet

MEMBERS = st.sampled_from([b"a", b"b", b"c", b""])
SCORES = st.sampled_from([0.0, -0.0, 1.0, 2.5, float("inf"), float("-inf")])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(MEMBERS, st.one_of(SCORES, st.none()))))
def test_it_is_a_dictionary_in_order(changes: list[tuple[bytes, float | None]]) -> None:
    found, model = SortedSet(), dict[bytes, float]()
    for member, score in changes:
        if score is None:
            assert found.drop(member) is (model.pop(member, None) is not None)
        else:
            found.put(member, score)
            model[member] = score
        assert found.order == sorted((score, member) for member, score in model.items())
        assert [found.rank(member) for _, member in found.order] == list(range(len(found)))
    assert found.rank(b"none") is None
