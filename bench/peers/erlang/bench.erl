%% SPDX-License-Identifier: Apache-2.0
%% Copyright The Noh Authors

%% The Erlang peer: main(["WORKLOAD", "SIZE", ...]).
-module(bench).
-export([main/1, check/2, report/3, report/4, now_s/0]).

main([Name | Arguments]) ->
    Sizes = [list_to_integer(Argument) || Argument <- Arguments],
    %% The workload runs in a process of its own, so that its failure is seen here.
    {Pid, Monitor} = spawn_monitor(fun() -> run(Name, Sizes) end),
    receive
        {'DOWN', Monitor, process, Pid, normal} ->
            erlang:halt(0);
        {'DOWN', Monitor, process, Pid, unknown_workload} ->
            io:format(standard_error, "not written for Erlang: ~s~n", [Name]),
            erlang:halt(3);
        {'DOWN', Monitor, process, Pid, Why} ->
            io:format(standard_error, "CHECK FAILED: ~p~n", [Why]),
            erlang:halt(1)
    end.

run("pingpong", [Rounds]) -> bench_messages:pingpong(Rounds);
run("counting", [Adds]) -> bench_messages:counting(Adds);
run("ring", [Members, Hops, Tokens]) -> bench_messages:ring(Members, Hops, Tokens);
run("ring100", [Members, Hops, Tokens]) -> bench_messages:ring(Members, Hops, Tokens);
run("mailbox-contention", [Producers, Each]) -> bench_messages:contention(Producers, Each);
run("forkjoin-create", [Actors]) -> bench_crowds:forkjoin_create(Actors);
run("forkjoin-throughput", [Actors, Each]) -> bench_crowds:forkjoin_throughput(Actors, Each);
run("big", [Actors, Pings]) -> bench_crowds:big(Actors, Pings);
run("chameneos", [Creatures, Meetings]) -> bench_crowds:chameneos(Creatures, Meetings);
run("idle-memory", [Actors]) -> bench_crowds:idle_memory(Actors);
run("ask", [Asks]) -> bench_services:ask("ask", Asks);
run("ask-in-actor", [Asks]) -> bench_services:ask("ask-in-actor", Asks);
run("restart", [Crashes]) -> bench_services:restart(Crashes);
run("timers", [Count]) -> bench_services:timers(Count);
run("latency-idle", [Probes]) -> bench_latency:idle(Probes);
run("latency-loaded", [Milliseconds]) -> bench_latency:loaded(Milliseconds);
run("latency-stuck", [Events]) -> bench_latency:stuck(Events);
run("fairness", [Milliseconds]) -> bench_fairness:fairness(Milliseconds);
run(_, _) -> exit(unknown_workload).

%% Ends the program when a workload computed the wrong result.
check(Expected, Expected) -> ok;
check(Got, Expected) -> exit({got, Got, expected, Expected}).

%% Prints the one line that the driver reads.
report(Workload, N, Seconds) ->
    report(Workload, N, Seconds, "").

report(Workload, N, Seconds, Extra) ->
    io:format("workload=~s peer=erlang n=~b seconds=~.6f rate=~b~s~n",
              [Workload, N, Seconds, round(N / Seconds), Extra]).

now_s() ->
    erlang:monotonic_time(nanosecond) / 1.0e9.
