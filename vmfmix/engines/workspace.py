"""Arrays of a pass, kept for the next one: fresh memory costs a page fault every few kilobytes."""


class Workspace:
    """Sets of arrays that passes take and give back, of one size of each kind."""

    def __init__(self):
        self._free = {}

    def take(self, make, *sizes):
        """What `make(*sizes)` gives, or such a thing that was given back; not cleared."""
        held_sizes, things = self._free.get(make, (None, []))
        if held_sizes != sizes:
            self._free[make] = sizes, []
            return make(*sizes)
        try:
            return things.pop()
        except IndexError:
            return make(*sizes)

    def give_back(self, things, make, *sizes):
        """Things that `take` gave for the same sizes and that nobody uses any more."""
        held_sizes, free = self._free.get(make, (None, []))
        if held_sizes == sizes:
            free.extend(things)
