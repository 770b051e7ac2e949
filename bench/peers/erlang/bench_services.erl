%% SPDX-License-Identifier: Apache-2.0
%% Copyright The Noh Authors

%% What a runtime offers beside messages: ask, restart, timers.
-module(bench_services).
-compile(inline).
-export([ask/2, restart/1, timers/1]).

-import(bench, [check/2, report/3, now_s/0]).

%% ---- ask: the asker is a process, there are no plain threads ----

ask(Workload, Asks) ->
    {ok, Server} = bench_server:start(),
    Start = now_s(),
    Sum = ask(Server, 0, Asks, 0),
    Took = now_s() - Start,
    check(Sum, Asks * (Asks - 1) div 2),
    report(Workload, Asks, Took).

ask(_, Asks, Asks, Sum) ->
    Sum;
ask(Server, Value, Asks, Sum) ->
    ask(Server, Value + 1, Asks, Sum + gen_server:call(Server, Value)).

%% ---- restart: once under OTP's supervisor, once with a bare link ----

restart(Crashes) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    restart_by_supervisor(Crashes),
    restart_by_link(Crashes).

%% At each restart the supervisor walks its list of the restarts within its period, here 1 s: the
%% more of them, the slower.
restart_by_supervisor(Crashes) ->
    {ok, _} = bench_supervisor:start_link(self()),
    First = receive {up, Pid} -> Pid end,
    Start = now_s(),
    crash(Crashes, First),
    report("restart", Crashes, now_s() - Start).

crash(0, _) ->
    ok;
crash(Left, Child) ->
    Child ! crash,
    receive {up, Next} -> crash(Left - 1, Next) end.

restart_by_link(Crashes) ->
    Start = now_s(),
    crash_linked(Crashes),
    report("restart-link", Crashes, now_s() - Start).

crash_linked(0) ->
    ok;
crash_linked(Left) ->
    Child = spawn_link(fun() -> receive crash -> exit(crashed) end end),
    Child ! crash,
    receive {'EXIT', Child, crashed} -> crash_linked(Left - 1) end.

%% ---- timers: all pending, then all cancelled; then all due within 10 ms ----

timers(Count) ->
    insert_and_cancel(Count, fun lists:reverse/1), % fetches the memory
    {Insert, Cancel} = insert_and_cancel(Count, fun shuffle/1),
    Fire = fire(Count, 50 + Count div 500),
    report("timers-insert", Count, Insert),
    report("timers-cancel", Count, Cancel),
    report("timers-fire", Count, Fire),
    report("timers", Count, Insert + Cancel + Fire).

insert_and_cancel(Count, Reorder) ->
    Delays = [100000 + rand:uniform(100000) || _ <- lists:seq(1, Count)],
    Start = now_s(),
    Timers = insert(Delays, []),
    Inserted = now_s(),
    Order = Reorder(Timers),
    StartCancel = now_s(),
    cancel(Order),
    {Inserted - Start, now_s() - StartCancel}.

shuffle(List) ->
    [Element || {_, Element} <- lists:sort([{rand:uniform(), Element} || Element <- List])].

insert([], Timers) ->
    Timers;
insert([Delay | Delays], Timers) ->
    insert(Delays, [erlang:send_after(Delay, self(), tick) | Timers]).

cancel([]) ->
    ok;
cancel([Timer | Timers]) ->
    true = is_integer(erlang:cancel_timer(Timer)),
    cancel(Timers).

%% Once more with twice the time when not all were there before the first was due.
fire(Count, LeadMs) ->
    FirstDue = erlang:monotonic_time(millisecond) + LeadMs,
    insert_due(Count, FirstDue),
    StartedInTime = erlang:monotonic_time(millisecond) < FirstDue,
    receive_ticks(Count),
    Took = now_s() - FirstDue / 1000,
    case StartedInTime of
        true -> Took;
        false -> fire(Count, 2 * LeadMs)
    end.

insert_due(0, _) ->
    ok;
insert_due(Left, FirstDue) ->
    Due = FirstDue + rand:uniform(10) - 1,
    erlang:send_after(Due, self(), tick, [{abs, true}]),
    insert_due(Left - 1, FirstDue).

receive_ticks(0) ->
    ok;
receive_ticks(Left) ->
    receive tick -> receive_ticks(Left - 1) end.
