#!/usr/bin/env escript
%% SPDX-License-Identifier: Apache-2.0
%% The Erlang/OTP peer of the lab: `peer.erl server|client PORT [key=value]...`.
%% Keys: cert, key, ca, versions (comma separated), auth (server: required), ciphers,
%% groups, schemes (comma separated), alpn, name (SNI, `none` for none).

main([Mode, Port | Words]) ->
    {ok, _} = application:ensure_all_started(ssl),
    logger:set_primary_config(level, none),
    Opt = [list_to_tuple([list_to_atom(hd(string:split(W, "="))) | tl(string:split(W, "="))]) || W <- Words],
    run(Mode, list_to_integer(Port), Opt).

atoms(Key, Opt) ->
    [list_to_atom(W) || W <- string:lexemes(proplists:get_value(Key, Opt), ",")].

each(Key, Opt, Make) ->
    case proplists:is_defined(Key, Opt) of
        true -> Make();
        false -> []
    end.

common(Opt) ->
    each(cert, Opt, fun() -> [{certfile, proplists:get_value(cert, Opt)}, {keyfile, proplists:get_value(key, Opt)}] end) ++
    each(ca, Opt, fun() -> [{cacertfile, proplists:get_value(ca, Opt)}] end) ++
    each(versions, Opt, fun() -> [{versions, atoms(versions, Opt)}] end) ++
    each(groups, Opt, fun() -> [{supported_groups, atoms(groups, Opt)}] end) ++
    each(schemes, Opt, fun() -> [{signature_algs, atoms(schemes, Opt)}] end) ++
    each(ciphers, Opt, fun() -> [{ciphers, string:lexemes(proplists:get_value(ciphers, Opt), ":")}] end).

alpn(Opt) -> [list_to_binary(W) || W <- string:lexemes(proplists:get_value(alpn, Opt), ",")].

run("server", Port, Opt) ->
    {ok, L} = ssl:listen(Port, common(Opt) ++ [binary, {reuseaddr, true}, {active, false}] ++
        each(alpn, Opt, fun() -> [{alpn_preferred_protocols, alpn(Opt)}] end) ++
        each(auth, Opt, fun() -> [{verify, verify_peer}, {fail_if_no_peer_cert, true}] end) ++
        each(known, Opt, fun() ->
            Known = proplists:get_value(known, Opt),
            [{sni_fun, fun(N) when N =:= Known -> []; (_) -> undefined end}] end)),
    serve(L);
run("client", Port, Opt) ->
    Name = case proplists:get_value(name, Opt, "www.example.test") of "none" -> disable; N -> N end,
    Result = ssl:connect("www.example.test", Port, common(Opt) ++ [{active, false}, {verify, verify_peer},
        {customize_hostname_check, [{match_fun, public_key:pkix_verify_hostname_match_fun(https)}]},
        {server_name_indication, Name}] ++
        each(crl, Opt, fun() -> crl(proplists:get_value(crl, Opt)) end) ++
        each(alpn, Opt, fun() -> [{alpn_advertised_protocols, alpn(Opt)}] end), 8000),
    case Result of
        {ok, S} ->
            ssl:send(S, "GET / HTTP/1.0\r\n\r\n"),
            R = ssl:recv(S, 0, 5000),
            io:format("client: connected ~p ~p~n", [ssl:connection_information(S, [protocol]), R]),
            ssl:close(S);
        {error, E} -> io:format("client: error ~0p~n", [E])
    end,
    timer:sleep(200).

crl(File) ->
    {ok, _} = ssl_crl_cache:insert({file, File}),
    [{crl_check, best_effort}, {crl_cache, {ssl_crl_cache, {internal, []}}}].

serve(L) ->
    {ok, T} = ssl:transport_accept(L),
    case ssl:handshake(T, 10000) of
        {ok, S} ->
            case ssl:recv(S, 0, 5000) of
                {ok, _} -> ssl:send(S, "HTTP/1.0 200 OK\r\n\r\nhello\n");
                E -> io:format("server: ~0p~n", [E])
            end,
            ssl:close(S);
        {error, E} -> io:format("server: error ~0p~n", [E])
    end,
    serve(L).
