"""scikit-learn's callbacks for fit, and their absence in versions before 1.9."""

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class _NoContext:
        """Stands where a callback context would; nobody listens."""

        def subcontext(self, **kwargs):
            return self

        def call_on_fit_task_begin(self, **kwargs):
            return self

        def call_on_fit_task_end(self, **kwargs):
            return False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Gives `fit` a context to report to."""

        def _init_callback_context(self, **kwargs):
            return _NoContext()

    def with_callbacks(method):
        """`method` itself: there is nothing to tear down."""
        return method


__all__ = ["CallbackSupportMixin", "with_callbacks"]
