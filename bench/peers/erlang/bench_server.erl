%% SPDX-License-Identifier: Apache-2.0
%% Copyright The Noh Authors

%% A server that answers with what it was asked.
-module(bench_server).
-behaviour(gen_server).
-export([start/0, init/1, handle_call/3, handle_cast/2]).

start() ->
    gen_server:start(?MODULE, none, []).

init(none) ->
    {ok, none}.

handle_call(Value, _From, State) ->
    {reply, Value, State}.

handle_cast(_, State) ->
    {noreply, State}.
