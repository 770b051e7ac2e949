%% SPDX-License-Identifier: Apache-2.0
%% Copyright The Noh Authors

%% Does everybody get a turn? 1,000 processes that send to themselves; 1,000 quiet ones beside a
%% flood.
-module(bench_fairness).
-export([fairness/1]).

-import(bench, [check/2, report/4, now_s/0]).

-define(ACTORS, 1000).
-define(LETTERS, 64).

fairness(Milliseconds) ->
    Rounds = bench_load:work_rounds(1000),
    share("fairness-light", 0, Milliseconds),
    share("fairness-1us", Rounds, Milliseconds),
    wait_beside_a_flood(Milliseconds).

share(Row, Work, Milliseconds) ->
    Turns = counters:new(?ACTORS, [atomics]),
    Runners = [spawn(fun() -> self() ! go_on, run(Turns, Id, Work) end)
               || Id <- lists:seq(1, ?ACTORS)],
    Start = now_s(),
    timer:sleep(Milliseconds),
    Took = now_s() - Start,
    All = [counters:get(Turns, Id) || Id <- lists:seq(1, ?ACTORS)],
    [Runner ! halt || Runner <- Runners],
    Sum = lists:sum(All),
    check(Sum > 0, true),
    report(Row, Sum, Took, io_lib:format(" min_share=~.4f max_share=~.4f",
                                         [lists:min(All) * ?ACTORS / Sum,
                                          lists:max(All) * ?ACTORS / Sum])).

run(Turns, Id, Work) ->
    receive
        go_on ->
            bench_load:work(Work),
            counters:add(Turns, Id, 1),
            self() ! go_on,
            run(Turns, Id, Work);
        halt ->
            ok
    end.

wait_beside_a_flood(Milliseconds) ->
    Owner = self(),
    One = spawn(fun() -> flood(0) end),
    Other = spawn(fun() -> flood(0) end),
    [One ! {letter, Other} || _ <- lists:seq(1, ?LETTERS)],
    timer:sleep(10),
    spawn(fun() -> call(Milliseconds, Owner) end),
    {Waits, Took} = receive {waited, All, Ns} -> {All, Ns} end,
    One ! {dam, Owner},
    receive {letters, Letters} -> check(Letters > ?LETTERS, true) end,
    bench_latency:report_latencies("fairness-flood", Waits, Took).

flood(Letters) ->
    receive
        {letter, From} -> From ! {letter, self()}, flood(Letters + 1);
        {dam, Owner} -> Owner ! {letters, Letters}
    end.

call(Milliseconds, Owner) ->
    Quiet = [spawn(fun quiet/0) || _ <- lists:seq(1, ?ACTORS)],
    Start = erlang:monotonic_time(nanosecond),
    call(Quiet, Start, Start + Milliseconds * 1000000, [], Owner).

call(Quiet, Start, Until, Waits, Owner) ->
    case erlang:monotonic_time(nanosecond) of
        Now when Now >= Until ->
            Owner ! {waited, Waits, Now - Start};
        _ ->
            [Pid ! {poke, self(), erlang:monotonic_time(nanosecond)} || Pid <- Quiet],
            call(Quiet, Start, Until, collect(Quiet, Waits), Owner)
    end.

collect([], Waits) ->
    Waits;
collect([_ | Left], Waits) ->
    receive {poked, Ns} -> collect(Left, [Ns | Waits]) end.

quiet() ->
    receive
        {poke, From, Sent} ->
            From ! {poked, erlang:monotonic_time(nanosecond) - Sent},
            quiet()
    end.
