%% SPDX-License-Identifier: Apache-2.0
%% Copyright The Noh Authors

%% A supervisor with one child, which crashes when told and says when it is up again.
-module(bench_supervisor).
-behaviour(supervisor).
-export([start_link/1, init/1, start_child/1, child/1]).

start_link(Owner) ->
    supervisor:start_link(?MODULE, Owner).

init(Owner) ->
    Flags = #{strategy => one_for_one, intensity => 100000000, period => 1},
    Child = #{id => child, start => {?MODULE, start_child, [Owner]}},
    {ok, {Flags, [Child]}}.

start_child(Owner) ->
    proc_lib:start_link(?MODULE, child, [Owner]).

child(Owner) ->
    proc_lib:init_ack({ok, self()}),
    Owner ! {up, self()},
    receive crash -> exit(crashed) end.
