%% SPDX-License-Identifier: Apache-2.0
%% Copyright The Noh Authors

%% Messages to few actors, along fixed ways: pingpong, counting, ring, mailbox-contention.
-module(bench_messages).
-compile(inline).
-export([pingpong/1, counting/1, ring/3, contention/2]).

-import(bench, [check/2, report/3, now_s/0]).

%% ---- pingpong ----

pingpong(Rounds) ->
    Owner = self(),
    Pong = spawn(fun() -> pong(0) end),
    Start = now_s(),
    spawn(fun() -> ping(Pong, Rounds), Owner ! finished end),
    receive finished -> ok end,
    Took = now_s() - Start,
    Pong ! {get_seen, self()},
    receive {seen, Seen} -> check(Seen, Rounds) end,
    report("pingpong", Rounds, Took).

ping(_, 0) ->
    ok;
ping(Pong, Left) ->
    Pong ! {self(), Left},
    receive {Pong, Left} -> ping(Pong, Left - 1) end.

pong(Seen) ->
    receive
        {get_seen, From} -> From ! {seen, Seen};
        {From, Ball} -> From ! {self(), Ball}, pong(Seen + 1)
    end.

%% ---- counting ----

counting(Adds) ->
    Owner = self(),
    Counter = spawn(fun() -> count(0) end),
    Start = now_s(),
    spawn(fun() -> add(Counter, Adds), Counter ! {get_total, Owner} end),
    receive {total, Total} -> check(Total, Adds) end,
    report("counting", Adds, now_s() - Start).

add(_, 0) ->
    ok;
add(Counter, Left) ->
    Counter ! 1,
    add(Counter, Left - 1).

count(Total) ->
    receive
        {get_total, From} -> From ! {total, Total};
        Value -> count(Total + Value)
    end.

%% ---- ring ----

ring(Members, Hops, Tokens) ->
    Owner = self(),
    PerToken = Hops div Tokens,
    check(PerToken * Tokens, Hops),
    Last = spawn(fun() -> receive {next, First} -> pass_on(First, Owner, 0) end end),
    Ring = lists:foldl(fun(_, [Next | _] = Done) ->
                               [spawn(fun() -> pass_on(Next, Owner, 0) end) | Done]
                       end,
                       [Last], lists:seq(2, Members)),
    Last ! {next, hd(Ring)},
    All = list_to_tuple(Ring),
    Start = now_s(),
    [element(1 + I * Members div Tokens, All) ! PerToken || I <- lists:seq(0, Tokens - 1)],
    [receive finished -> ok end || _ <- lists:seq(1, Tokens)],
    Took = now_s() - Start,
    [Member ! stop || Member <- Ring],
    check(lists:sum([receive {passed, Part} -> Part end || _ <- Ring]), Hops),
    report(case Tokens of 1 -> "ring"; _ -> "ring100" end, Hops, Took).

pass_on(Next, Owner, Passed) ->
    receive
        1 -> Owner ! finished, pass_on(Next, Owner, Passed + 1);
        stop -> Owner ! {passed, Passed};
        Hops -> Next ! Hops - 1, pass_on(Next, Owner, Passed + 1)
    end.

%% ---- mailbox-contention ----

%% message_queue_data: off_heap is what the manual recommends for a process that many flood. It is
%% three times faster here than the default; in the other workloads it is slower.

contention(Producers, Each) ->
    Owner = self(),
    Consumer = spawn_opt(fun() -> Owner ! {sum, receive_all(Producers * Each, 0)} end,
                         [{message_queue_data, off_heap}]),
    Sources = [spawn(fun() -> receive go -> send_all(Consumer, Each - 1) end end)
               || _ <- lists:seq(1, Producers)],
    Start = now_s(),
    [Source ! go || Source <- Sources],
    receive {sum, Sum} -> check(Sum, Producers * (Each * (Each - 1) div 2)) end,
    report("mailbox-contention", Producers * Each, now_s() - Start).

send_all(Consumer, 0) ->
    Consumer ! 0;
send_all(Consumer, Value) ->
    Consumer ! Value,
    send_all(Consumer, Value - 1).

receive_all(0, Sum) ->
    Sum;
receive_all(Left, Sum) ->
    receive Value -> receive_all(Left - 1, Sum + Value) end.
