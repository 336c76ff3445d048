"""Undocumented parts of libraries that are used, each with its reason.

`test_library_internals.py` checks that they are as expected, that the list is complete for our subclasses of their protocols,
and that pyproject.toml bounds each of these libraries from above.
"""

from typing import NamedTuple

HTTP = "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol"
CYCLE = "uvicorn.protocols.http.httptools_impl:RequestResponseCycle"
FLOW = "uvicorn.protocols.http.flow_control:FlowControl"
WEBSOCKET = "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol"
FEED = "websockets.asyncio.client:ClientConnection"
ASSEMBLER = "websockets.asyncio.messages:Assembler"
QUEUE = "websockets.asyncio.messages:SimpleQueue"
SERVER = "uvicorn.server:Server"
COLLECT = "graphql.execution.collect_fields"
VALIDATE = "graphql.validation.validate"
VALIDATION_CONTEXT = "graphql.validation.validation_context"
DEFLATE = "websockets.extensions.permessage_deflate"

LIBRARIES = ("uvicorn", "graphql-core", "strawberry-graphql", "websockets", "redis", "aio-pika", "aiormq")
"""Libraries with an internal in this file: pyproject.toml gives each an upper bound."""


class Signature(NamedTuple):
    """A function, method or class that is called or overridden.

    `parameters`: their names without `self`.
    """

    owner: str
    name: str
    parameters: tuple[str, ...]
    reason: str


class State(NamedTuple):
    """An attribute of an instance, and the name of its type."""

    owner: str
    name: str
    type_name: str
    reason: str


SIGNATURES = [
    Signature(HTTP, "connection_made", ("transport",), "starts the head timer, replaces the flow control"),
    Signature(HTTP, "connection_lost", ("exc",), "stops the timers"),
    Signature(HTTP, "data_received", ("data",), "parses in chunks; answers known requests before parsing"),
    Signature(HTTP, "eof_received", (), "starts the stall timer"),
    Signature(HTTP, "pause_writing", (), "starts the stall timer"),
    Signature(HTTP, "resume_writing", (), "stops the stall timer"),
    Signature(HTTP, "on_message_begin", (), "creates the scope, to which the abort function is added"),
    Signature(HTTP, "on_header", ("name", "value"), "drops fields behind the body"),
    Signature(
        HTTP, "on_headers_complete", (), "starts the ASGI task: delayed while the fast path is possible"
    ),
    Signature(HTTP, "_should_upgrade", (), "only a handshake that is in order becomes a WebSocket"),
    Signature(HTTP, "_unset_keepalive_if_required", (), "stops the idle timer when bytes arrive"),
    Signature(CYCLE, "send", ("message",), "a stream to HTTP/1.0 has neither chunks nor a length"),
    Signature(HTTP, "on_body", ("body",), "collects the body of the ASGI task"),
    Signature(HTTP, "on_message_complete", (), "ends the body of the ASGI task"),
    Signature(HTTP, "on_response_complete", (), "starts the next pipelined request"),
    Signature(HTTP, "handle_websocket_upgrade", (), "refused while a response is being written"),
    Signature(HTTP, "send_400_response", ("msg",), "starts the stall timer of the closing connection"),
    Signature(
        HTTP, "timeout_keep_alive_handler", (), "the fast path extends the idle time without a new timer"
    ),
    Signature(FLOW, "resume_reading", (), "reading stays paused while received bytes wait"),
    Signature(SERVER, "capture_signals", (), "the process handles signals itself"),
    Signature(
        WEBSOCKET, "__init__", ("config", "server_state", "app_state", "_loop"), "replaces the extensions"
    ),
    Signature(WEBSOCKET, "handle_connect", ("event",), "adds the frame writer to the scope"),
    Signature(WEBSOCKET, "handle_close", ("event",), "closes the write queue before the transport"),
    Signature(WEBSOCKET, "handle_cont", ("event",), "drops empty continuation frames"),
    Signature(WEBSOCKET, "handle_ping", (), "keeps one pong while the client does not read"),
    Signature(WEBSOCKET, "handle_pong", ("event",), "one keepalive serves all connections"),
    Signature(WEBSOCKET, "start_keepalive", (), "one keepalive serves all connections"),
    Signature(WEBSOCKET, "stop_keepalive", (), "one keepalive serves all connections"),
    Signature(WEBSOCKET, "handle_parser_exception", (), "closes without a reset"),
    Signature(WEBSOCKET, "send_receive_event_to_app", (), "rejects invalid UTF-8 without a traceback"),
    Signature(WEBSOCKET, "send", ("message",), "a close frame does not wait for the client to read"),
    Signature(WEBSOCKET, "data_received", ("data",), "parses in steps, and limits the rate of frames"),
    Signature(WEBSOCKET, "handle_events", (), "handles the frames of one step"),
    Signature(WEBSOCKET, "receive", (), "reads on once the messages of the last step are taken"),
    Signature(WEBSOCKET, "eof_received", (), "limits the time of a closing connection"),
    Signature(WEBSOCKET, "pause_writing", (), "blocks the write queue"),
    Signature(WEBSOCKET, "resume_writing", (), "unblocks the write queue"),
    Signature(WEBSOCKET, "shutdown", (), "closes the write queue; limits the time of a closing connection"),
    Signature(WEBSOCKET, "connection_lost", ("exc",), "closes the write queue"),
    Signature(
        FEED,
        "__init__",
        ("protocol", "ping_interval", "ping_timeout", "close_timeout", "max_queue", "write_limit"),
        "a source's connection takes whole messages without the library's reader",
    ),
    Signature(
        FEED, "data_received", ("data",), "reads whole messages, and leaves other frames to the library"
    ),
    Signature(FEED, "eof_received", (), "passes on the bytes of a header that is not complete"),
    Signature(FEED, "recv", ("decode",), "messages of several frames, compressed ones and the end"),
    Signature(WEBSOCKET, "run_asgi", (), "a plain handshake starts the ASGI task itself"),
    Signature(WEBSOCKET, "on_task_complete", ("task",), "likewise"),
    Signature("websockets.protocol:Protocol", "parse", (), "after a plain handshake frames come first"),
    Signature(
        "websockets.server:ServerProtocol",
        "process_extensions",
        ("headers",),
        "the extensions of a plain handshake",
    ),
    Signature("websockets.protocol:Protocol", "fail", ("code", "reason"), "ends a stalled connection"),
    Signature("websockets.protocol:Protocol", "data_to_send", (), "the bytes of a pong or close frame"),
    Signature(
        DEFLATE,
        "ServerPerMessageDeflateFactory",
        (
            "server_no_context_takeover",
            "client_no_context_takeover",
            "server_max_window_bits",
            "client_max_window_bits",
            "compress_settings",
            "require_client_max_window_bits",
        ),
        "compression without state per connection",
    ),
    Signature(
        COLLECT,
        "collect_fields",
        (
            "schema",
            "fragments",
            "variable_values",
            "runtime_type",
            "operation",
            "hide_suggestions",
            "forbid_skip_and_include",
            "on_selection_set",
        ),
        "the fast path selects the same fields as the executor",
    ),
    Signature(
        COLLECT,
        "collect_subfields",
        (
            "schema",
            "fragments",
            "variable_values",
            "operation",
            "return_type",
            "field_details_list",
            "hide_suggestions",
        ),
        "the fast path selects the same fields as the executor",
    ),
    Signature(
        COLLECT, "FragmentDetails", ("definition", "variable_signatures"), "the parameter of `collect_fields`"
    ),
    Signature(
        COLLECT,
        "FieldDetails",
        ("node", "defer_usage", "fragment_variable_values"),
        "the result of `collect_fields`",
    ),
    Signature(
        COLLECT,
        "CollectedFields",
        ("grouped_field_set", "new_defer_usages", "forbidden_directive_instances"),
        "the result of `collect_fields`",
    ),
    Signature(
        "graphql.execution.values",
        "VariableValues",
        ("sources", "coerced"),
        "the fast path reads Boolean variables",
    ),
    Signature(
        VALIDATE,
        "FragmentNestingVisitor",
        ("fragments",),
        "ends the validation of fragments nested too deeply",
    ),
    Signature(
        VALIDATION_CONTEXT,
        "VariableUsageVisitor",
        ("type_info", "fragment_definition"),
        "finds the variables of an operation; it is forgotten after that",
    ),
    Signature(
        "graphql.language.visitor",
        "EnterLeaveVisitor",
        ("enter", "leave"),
        "all rules are called by one function for each kind of node",
    ),
]

STATES = [
    State(HTTP, "transport", "Wire", "responses of the fast path, close and abort"),
    State(HTTP, "flow", "_ReadFlowControl", "`write_paused`: the fast path waits for the client too"),
    State(HTTP, "client", "NoneType", "the address of the connection, whose budget is charged"),
    State(HTTP, "scope", "dict", "receives the abort function"),
    State(HTTP, "headers", "list", "the head of a request"),
    State(HTTP, "url", "bytes", "the target of a request"),
    State(HTTP, "parser", "HttpRequestParser", "method, version, keep-alive and upgrade of a request"),
    State(HTTP, "app", "*", "replaced by a refusal for a request with a bad head"),
    State(CYCLE, "chunked_encoding", "NoneType", "a stream to HTTP/1.0 has no chunks"),
    State(CYCLE, "expected_content_length", "int", "nor a length"),
    State(CYCLE, "waiting_for_100_continue", "bool", "HTTP/1.0 has no `100 Continue`"),
    State(HTTP, "pipeline", "deque", "received requests that wait for their turn"),
    State(HTTP, "cycle", "NoneType", "`response_complete`: whether a response is being written"),
    State(HTTP, "connections", "set", "a connection that is not in it has become a WebSocket"),
    State(HTTP, "loop", "*", "timers"),
    State(HTTP, "timeout_keep_alive", "int", "the idle time of a connection"),
    State(HTTP, "timeout_keep_alive_task", "NoneType", "the timer of an idle connection"),
    State(HTTP, "config", "Config", "a plain handshake opens a WebSocket without being written again"),
    State(HTTP, "app_state", "dict", "likewise"),
    State(HTTP, "ws_protocol_class", "type", "likewise"),
    State(HTTP, "server", "NoneType", "likewise"),
    State(HTTP, "scheme", "str", "likewise"),
    State(HTTP, "server_state", "ServerState", "`default_headers` and `total_requests`"),
    State(WEBSOCKET, "connections", "set", "a plain handshake is read without the parser of websockets"),
    State(WEBSOCKET, "tasks", "set", "likewise"),
    State(WEBSOCKET, "app_state", "dict", "likewise: its scope is made here"),
    State(WEBSOCKET, "asgi_version", "str", "likewise"),
    State(WEBSOCKET, "root_path", "str", "likewise"),
    State(WEBSOCKET, "server", "NoneType", "likewise"),
    State(WEBSOCKET, "scheme", "str", "likewise"),
    State(WEBSOCKET, "handshake_initiated", "bool", "likewise"),
    State(WEBSOCKET, "default_headers", "list", "the date in the response to a plain handshake"),
    State(WEBSOCKET, "conn", "ServerProtocol", "the sans-I/O connection of websockets"),
    State(WEBSOCKET, "transport", "Wire", "frames, close and abort"),
    State(WEBSOCKET, "writable", "WritableFlag", "takes the place of an `Event`; set for a close frame"),
    State(WEBSOCKET, "close_sent", "bool", "nothing is written after a close frame"),
    State(WEBSOCKET, "disconnected", "bool", "nothing is written after the end"),
    State(WEBSOCKET, "close_timer", "NoneType", "the end of a failed connection"),
    State(WEBSOCKET, "close_timeout", "float", "the end of a failed connection"),
    State(WEBSOCKET, "ping_timeout", "float", "the end of a half-closed connection"),
    State(WEBSOCKET, "queue", "ReceiveQueue", "takes the place of a `Queue`"),
    State(WEBSOCKET, "read_paused", "bool", "a failed connection is read to its end"),
    State(WEBSOCKET, "frames", "list", "the parts of a message"),
    State(WEBSOCKET, "curr_msg_data_type", "str", "whether a message is text"),
    State(WEBSOCKET, "loop", "*", "timers"),
    State(WEBSOCKET, "request", "Request", "freed after the handshake"),
    State(WEBSOCKET, "response", "Response", "the status of the handshake; freed after it"),
    State(WEBSOCKET, "client", "*", "the address in the log"),
    State(WEBSOCKET, "handshake_complete", "bool", "a refused handshake is not an error to log"),
    State(WEBSOCKET, "scope", "dict", "receives the frame writer"),
    State(
        "websockets.server:ServerProtocol", "parser", "generator", "after a plain handshake frames come first"
    ),
    State("websockets.server:ServerProtocol", "state", "State", "open once a plain handshake is answered"),
    State("websockets.server:ServerProtocol", "available_extensions", "list", "replaced by our compression"),
    State("websockets.server:ServerProtocol", "extensions", "list", "the negotiated extensions"),
    State("websockets.server:ServerProtocol", "parser_exc", "NoneType", "why a connection failed"),
    State(
        "websockets.server:ServerProtocol", "close_sent", "NoneType", "the close frame of a failed connection"
    ),
    State(
        FEED, "protocol", "ClientProtocol", "the state of the connection, and of a message of several frames"
    ),
    State(FEED, "recv_messages", "Assembler", "the messages that the library has read"),
    State(FEED, "transport", "Wire", "reading is paused while a backlog is read"),
    State(FEED, "loop", "*", "reads on in the next turn"),
    State(ASSEMBLER, "frames", "SimpleQueue", "the frames that wait to be received"),
    State(ASSEMBLER, "paused", "bool", "whether the library has paused the reading itself"),
    State(QUEUE, "queue", "deque", "while frames wait, the next message has to wait behind them"),
    State(QUEUE, "get_waiter", "NoneType", "a future that wakes the reading task"),
    State(
        "websockets.client:ClientProtocol", "state", "State", "closing connections are left to the library"
    ),
    State(
        "websockets.client:ClientProtocol",
        "current_size",
        "NoneType",
        "a message of several frames has begun",
    ),
    State(
        "websockets.client:ClientProtocol",
        "max_message_size",
        "int",
        "longer messages are left to the library",
    ),
    State("strawberry:Schema", "_schema", "GraphQLSchema", "the schema of graphql-core, to plan and execute"),
    State(
        "strawberry:Schema",
        "execution_context_class",
        "*",
        "the executor of strawberry, to execute operations",
    ),
]
