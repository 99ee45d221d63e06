from hypothesis import given
from hypothesis import strategies as st

from app.documents import Document


def made(qapp):
    return Document(0)


def test_changes_of_one_gesture_are_one_undo_step(qapp):
    document = made(qapp)
    for value in (1, 2, 3):
        document.replace(value, "slide", "gamma")
    document.end_gesture()
    document.replace(9, "slide", "gamma")
    document.undo_stack.undo()
    assert document.request == 3
    document.undo_stack.undo()
    assert document.request == 0
    document.undo_stack.redo()
    assert document.request == 3


def test_two_controls_are_two_steps_even_without_an_end(qapp):
    document = made(qapp)
    document.replace(1, "a", "a")
    document.replace(2, "b", "b")
    document.undo_stack.undo()
    assert document.request == 1


def test_a_gesture_that_ends_where_it_began_leaves_no_step(qapp):
    document = made(qapp)
    document.replace(5, "slide", "gamma")
    document.replace(0, "slide", "gamma")
    assert not document.undo_stack.canUndo()


def test_an_equal_request_is_no_step_and_announces_nothing(qapp):
    document, seen = made(qapp), []
    document.changed.connect(seen.append)
    document.replace(0, "same")
    assert seen == [] and document.undo_stack.count() == 0


def test_loading_forgets_the_way_back(qapp):
    document, seen = made(qapp), []
    document.changed.connect(seen.append)
    document.replace(1, "one")
    document.load(7)
    assert seen == [1, 7] and not document.undo_stack.canUndo()


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([None, "a", "b"])), max_size=20))
def test_undoing_everything_returns_to_the_start(steps):
    document = Document(0)
    for value, gesture in steps:
        document.replace(value, "step", gesture)
    end = document.request
    while document.undo_stack.canUndo():
        document.undo_stack.undo()
    assert document.request == 0
    while document.undo_stack.canRedo():
        document.undo_stack.redo()
    assert document.request == end
