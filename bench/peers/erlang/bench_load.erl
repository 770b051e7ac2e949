%% SPDX-License-Identifier: Apache-2.0
%% Copyright The Noh Authors

%% A load beside which something else is measured: work of a known length, pairs that play until
%% they are halted.
-module(bench_load).
-export([work/1, work_rounds/1, start/2, halt/1]).

-import(bench, [check/2]).

work(0) -> ok;
work(Rounds) -> work(Rounds - 1).

%% The rounds of work that take so many nanoseconds.
work_rounds(Ns) ->
    Rounds = 10000000,
    Best = lists:min([element(1, timer:tc(fun() -> work(Rounds) end)) || _ <- lists:seq(1, 5)]),
    max(1, round(Ns * Rounds / (Best * 1000))).

start(Pairs, Work) ->
    [begin
         First = spawn(fun() -> play(Work, 0) end),
         Second = spawn(fun() -> play(Work, 0) end),
         First ! {ball, Second},
         {First, Second}
     end || _ <- lists:seq(1, Pairs)].

play(Work, Balls) ->
    receive
        {ball, Partner} ->
            work(Work),
            Partner ! {ball, self()},
            play(Work, Balls + 1);
        {halt, Owner} ->
            Owner ! {balls, self(), Balls}
    end.

%% Halts all pairs; how many balls were played until then.
halt(Pairs) ->
    [First ! {halt, self()} || {First, _} <- Pairs],
    lists:sum([halt_pair(First, Second) || {First, Second} <- Pairs]).

halt_pair(First, Second) ->
    receive {balls, First, Played} -> ok end,
    Second ! {halt, self()},
    receive {balls, Second, Returned} -> ok end,
    check(abs(Played - Returned) =< 1, true),
    Played + Returned.
