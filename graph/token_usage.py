"""Tokens that one run spends, per model, counted where they are spent: a run that fails has spent them too."""

from langchain_core.callbacks import UsageMetadataCallbackHandler


class TokenUsage(UsageMetadataCallbackHandler):
    """The stock handler, called in place and for models only.

    As it comes, LangChain hands each event of every node to a thread: a hundred thread changes per workload, and a
    fifth of the poller's throughput.
    """

    run_inline = True
    ignore_chain = True
    ignore_agent = True
    ignore_retriever = True
    ignore_custom_event = True

    def on_chat_model_start(self, *args: object, **kwargs: object) -> None:
        """Nothing to count yet; without this method LangChain renders every prompt as text to ask again."""
