%% SPDX-License-Identifier: Apache-2.0
%% Copyright The Noh Authors

%% From a send to its handling: latency-idle, latency-loaded, latency-stuck.
-module(bench_latency).
-export([idle/1, loaded/1, stuck/1, report_latencies/3]).

-import(bench, [check/2, report/4]).

-define(PERIOD, 100000).
-define(WARM_UP_MS, 20).
-define(STUCK, 50000000).
-define(PAUSE_MS, 10).

now_ns() ->
    erlang:monotonic_time(nanosecond).

%% Notes how late each stamp is.
target(All) ->
    receive
        {stamp, Due} -> target([now_ns() - Due | All]);
        {get_all, From} -> From ! {all, All}
    end.

spawn_target() ->
    spawn_opt(fun() -> target([]) end, [{min_heap_size, 1000000}]). % no collection meanwhile

all_of(Target) ->
    Target ! {get_all, self()},
    receive {all, All} -> All end.

report_latencies(Row, All, Took) ->
    Count = length(All),
    Sorted = list_to_tuple(lists:sort(All)),
    [P50, P99, P999, Max] = [element((Count * PerMille + 999) div 1000, Sorted)
                             || PerMille <- [500, 990, 999, 1000]],
    report(Row, Count, Took / 1.0e9,
           io_lib:format(" p50_ns=~b p99_ns=~b p999_ns=~b max_ns=~b", [P50, P99, P999, Max])).

%% ---- idle: a process sends, there are no plain threads; it sleeps for 1 to 2 ms ----

idle(Probes) ->
    probe("latency-idle-1ms", Probes, fun() -> timer:sleep(1) end),
    probe("latency-idle-20us", 20 * Probes, fun() -> spin_until(now_ns() + 20000) end).

probe(Row, Probes, Wait) ->
    To = spawn_target(),
    Start = now_ns(),
    send_stamps(Probes, To, Wait),
    Took = now_ns() - Start,
    All = all_of(To),
    check(length(All), Probes),
    report_latencies(Row, All, Took).

send_stamps(0, _, _) ->
    ok;
send_stamps(Left, To, Wait) ->
    Wait(),
    To ! {stamp, now_ns()},
    send_stamps(Left - 1, To, Wait).

spin_until(Due) ->
    case now_ns() < Due of
        true -> spin_until(Due);
        false -> ok
    end.

%% ---- loaded ----

loaded(Milliseconds) ->
    Rounds = bench_load:work_rounds(1000),
    probe_beside("latency-loaded-light", 0, Milliseconds * 1000000),
    probe_beside("latency-loaded-1us", Rounds, Milliseconds * 1000000).

probe_beside(Row, Work, Time) ->
    Owner = self(),
    To = spawn_target(),
    Load = bench_load:start(100, Work),
    timer:sleep(?WARM_UP_MS),
    spawn(fun() -> Start = now_ns(), look(To, Start + ?PERIOD, Start + Time, 0, Start, Owner) end),
    {Probes, Took} = receive {probed, Sent, Ns} -> {Sent, Ns} end,
    All = all_of(To),
    check(length(All), Probes),
    check(bench_load:halt(Load) > Probes, true),
    report_latencies(Row, All, Took).

look(To, Due, Until, Probes, Start, Owner) ->
    erlang:yield(),
    case now_ns() of
        Now when Now >= Until ->
            Owner ! {probed, Probes, Now - Start};
        Now when Now >= Due ->
            To ! {stamp, Due},
            look(To, Now + ?PERIOD, Until, Probes + 1, Start, Owner);
        _ ->
            look(To, Due, Until, Probes, Start, Owner)
    end.

%% ---- stuck: 500 pairs play beside a process that now and then works for 50 ms ----

stuck(Events) ->
    Worst = atomics:new(1, []),
    Halted = atomics:new(1, []),
    Laborer = spawn(fun labor/0),
    [start_pair(Worst, Halted) || _ <- lists:seq(1, 500)],
    timer:sleep(?PAUSE_MS),
    Start = now_ns(),
    All = [event(Laborer, Worst) || _ <- lists:seq(1, Events)],
    Took = now_ns() - Start,
    atomics:put(Halted, 1, 1),
    report_latencies("latency-stuck", All, Took).

event(Laborer, Worst) ->
    atomics:put(Worst, 1, 0),
    Laborer ! {work, self()},
    receive worked -> ok end,
    timer:sleep(?PAUSE_MS),
    Ns = atomics:get(Worst, 1),
    check(Ns > 0, true),
    Ns.

labor() ->
    receive
        {work, From} ->
            spin_until(now_ns() + ?STUCK),
            From ! worked,
            labor()
    end.

start_pair(Worst, Halted) ->
    First = spawn(fun() -> play(Worst, Halted) end),
    Second = spawn(fun() -> play(Worst, Halted) end),
    First ! {ball, Second, now_ns()}.

play(Worst, Halted) ->
    receive
        {ball, Partner, Sent} ->
            Now = now_ns(),
            note_worst(Worst, Now - Sent, atomics:get(Worst, 1)),
            case atomics:get(Halted, 1) of
                0 -> Partner ! {ball, self(), Now}, play(Worst, Halted);
                1 -> ok
            end
    end.

note_worst(Worst, Ns, Before) when Ns > Before ->
    case atomics:compare_exchange(Worst, 1, Before, Ns) of
        ok -> ok;
        Actual -> note_worst(Worst, Ns, Actual)
    end;
note_worst(_, _, _) ->
    ok.
