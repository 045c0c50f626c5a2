"""Serve the local chat model over OpenAI's HTTP: `python -m ops.model_server.chat FILE PORT`.

llama.cpp's own server, in the process of a wheel (`requirements-local-chat.lock`).
"""

import os
import signal
import sys

CONTEXT_TOKENS = 4096


def main() -> int:
    """Load the model and serve until told to stop."""
    try:
        import xllamacpp  # noqa: PLC0415 - installed by `make models`, not by everyone
    except ImportError:
        print("The chat model's runtime is not installed: run `make models`.", file=sys.stderr)
        return 1
    model, port = sys.argv[1:3]
    # With every core at work the rest of the platform would stand still.
    threads = max(1, (os.cpu_count() or 2) - 1)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.model_alias = {"local"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(port)
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.n_threads_http = 2
    parameters.cache_ram_mib = 0
    parameters.ui = False
    parameters.offline = True
    parameters.use_jinja = True
    stop = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    server = xllamacpp.Server(parameters)
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
