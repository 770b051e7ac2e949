%% SPDX-License-Identifier: Apache-2.0
%% Copyright The Noh Authors

%% Many actors: forkjoin, big, chameneos, idle-memory.
-module(bench_crowds).
-compile(inline).
-export([forkjoin_create/1, forkjoin_throughput/2, big/2, chameneos/2, idle_memory/1]).

-import(bench, [check/2, report/3, report/4, now_s/0]).

%% ---- forkjoin-create ----

forkjoin_create(Actors) ->
    Handled = counters:new(1, [atomics]),
    Before = erlang:system_info(process_count),
    Start = now_s(),
    create(Actors, Handled),
    wait_for_ends(Before),
    Took = now_s() - Start,
    check(counters:get(Handled, 1), Actors),
    report("forkjoin-create", Actors, Took).

create(0, _) ->
    ok;
create(Left, Handled) ->
    spawn(fun() -> receive Value -> counters:add(Handled, 1, Value) end end) ! 1,
    create(Left - 1, Handled).

wait_for_ends(Before) ->
    case erlang:system_info(process_count) =< Before of
        true -> ok;
        false -> erlang:yield(), wait_for_ends(Before)
    end.

%% ---- forkjoin-throughput ----

forkjoin_throughput(Actors, Each) ->
    Owner = self(),
    Start = now_s(),
    Takers = [spawn(fun() -> Owner ! {sum, take(Each, 0)} end) || _ <- lists:seq(1, Actors)],
    spawn(fun() -> send_rounds(Each, Takers) end),
    Sum = lists:sum([receive {sum, Part} -> Part end || _ <- Takers]),
    Took = now_s() - Start,
    check(Sum, Actors * (Each * (Each + 1) div 2)),
    report("forkjoin-throughput", Actors * Each, Took).

send_rounds(0, _) ->
    ok;
send_rounds(Round, Takers) ->
    send_to_each(Takers, Round),
    send_rounds(Round - 1, Takers).

send_to_each([], _) ->
    ok;
send_to_each([Taker | Others], Value) ->
    Taker ! Value,
    send_to_each(Others, Value).

take(0, Sum) ->
    Sum;
take(Left, Sum) ->
    receive Value -> take(Left - 1, Sum + Value) end.

%% ---- big ----

big(Actors, Pings) ->
    Owner = self(),
    All = [spawn(fun() -> chatter(Id, Actors, Pings, Owner) end) || Id <- lists:seq(1, Actors)],
    Peers = list_to_tuple(All),
    Start = now_s(),
    [Pid ! {peers, Peers} || Pid <- All],
    [receive finished -> ok end || _ <- All],
    Took = now_s() - Start,
    [Pid ! stop || Pid <- All],
    Served = lists:sum([receive {served, Part} -> Part end || _ <- All]),
    check(Served, Actors * Pings),
    report("big", Actors * Pings, Took).

chatter(Id, Actors, Pings, Owner) ->
    receive
        {peers, Peers} ->
            rand:seed(exsp, Id),
            ping_somebody(Id, Actors, Peers),
            chat(Id, Actors, Peers, Pings, Owner, 0)
    end.

chat(Id, Actors, Peers, Left, Owner, Served) ->
    receive
        {ping, From} ->
            From ! pong,
            chat(Id, Actors, Peers, Left, Owner, Served + 1);
        pong when Left =:= 1 ->
            Owner ! finished,
            chat(Id, Actors, Peers, 0, Owner, Served);
        pong ->
            ping_somebody(Id, Actors, Peers),
            chat(Id, Actors, Peers, Left - 1, Owner, Served);
        stop ->
            Owner ! {served, Served}
    end.

ping_somebody(Id, Actors, Peers) ->
    Other = case rand:uniform(Actors - 1) of
                Before when Before < Id -> Before;
                After -> After + 1
            end,
    element(Other, Peers) ! {ping, self()}.

%% ---- chameneos ----

chameneos(Creatures, Meetings) ->
    Owner = self(),
    Mall = spawn(fun() -> Owner ! {met, mall(Meetings, none, Creatures, 0)} end),
    Start = now_s(),
    [spawn(fun() -> go_to(Mall, I rem 3, 0) end) || I <- lists:seq(1, Creatures)],
    receive {met, Met} -> check(Met, 2 * Meetings) end,
    report("chameneos", Meetings, now_s() - Start).

mall(0, _, 0, Met) ->
    Met;
mall(0, Waiting, Creatures, Met) ->
    receive
        {meet, _, Guest} -> Guest ! fade, mall(0, Waiting, Creatures, Met);
        {faded, Part} -> mall(0, Waiting, Creatures - 1, Met + Part)
    end;
mall(Left, none, Creatures, Met) ->
    receive {meet, _, Guest} -> mall(Left, Guest, Creatures, Met) end;
mall(Left, Waiting, Creatures, Met) ->
    receive
        {meet, Color, Guest} ->
            Waiting ! {meet, Color, Guest},
            mall(Left - 1, none, Creatures, Met)
    end.

go_to(Mall, Color, Met) ->
    Mall ! {meet, Color, self()},
    receive
        {meet, Other, Partner} ->
            Both = complement(Color, Other),
            Partner ! {change, Both},
            go_to(Mall, Both, Met + 1);
        {change, Both} ->
            go_to(Mall, Both, Met + 1);
        fade ->
            Mall ! {faded, Met}
    end.

complement(Color, Color) -> Color;
complement(A, B) -> 3 - A - B.

%% ---- idle-memory ----

idle_memory(Actors) ->
    Handled = counters:new(1, [atomics]),
    Before = resident_bytes(),
    Start = now_s(),
    spawn_idle(Actors, Handled),
    wait_until_handled(Handled, Actors),
    Took = now_s() - Start,
    timer:sleep(200),
    PerActor = (resident_bytes() - Before) / Actors,
    report("idle-memory", Actors, Took, io_lib:format(" bytes_per_actor=~.1f", [PerActor])).

spawn_idle(0, _) ->
    ok;
spawn_idle(Left, Handled) ->
    spawn(fun() -> idle(Handled) end) ! 1,
    spawn_idle(Left - 1, Handled).

idle(Handled) ->
    receive Value -> counters:add(Handled, 1, Value), idle(Handled) end.

wait_until_handled(Handled, Actors) ->
    case counters:get(Handled, 1) of
        Actors -> ok;
        _ -> timer:sleep(1), wait_until_handled(Handled, Actors)
    end.

resident_bytes() ->
    {ok, Statm} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = string:lexemes(binary_to_list(Statm), " "),
    list_to_integer(Pages) * 4096.
