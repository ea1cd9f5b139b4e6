/**
 * The event interface of a connection: RFC 9293 §3.10's user calls, arriving segments and time-outs. Each call changes the TCB, then
 * makes one output pass, and leaves what the application must hear in `tcb.notices` and the next deadline in `nextDeadline(tcb)`.
 *
 * The contract, whoever drives it (a stack, the simulator, a test):
 * - `now` is the time of the event in µs, for a segment the time it arrived; it never runs backwards for a connection;
 * - after each call, wake `timeout` at `nextDeadline(tcb)`, and deliver and clear `tcb.notices`;
 * - nothing here throws on anything a peer does. A call that the state does not allow throws a `TcpCallError`.
 */
