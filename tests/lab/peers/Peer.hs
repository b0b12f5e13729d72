-- SPDX-License-Identifier: Apache-2.0
-- The Haskell peer of the lab: `hspeer server|client PORT [key=value]...`.
-- Keys: cert, key, ca, min, max (12, 13), auth (server: required), groups, alpn,
-- name (SNI, `none` for none).
{-# LANGUAGE OverloadedStrings #-}
module Main (main) where

import Control.Exception
import Control.Monad
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy.Char8 as L
import Data.Default.Class
import Data.Maybe
import Data.X509 (HashALG (..))
import Data.X509.CertificateStore
import Data.X509.Validation
import Network.Socket
import Network.TLS hiding (HashSHA256)
import Network.TLS.Extra.Cipher
import System.Environment
import System.IO

host :: String
host = "www.example.test"

main :: IO ()
main = do
    hSetBuffering stdout LineBuffering
    mode : port : rest <- getArgs
    let opt = [(k, drop 1 v) | w <- rest, let (k, v) = break (== '=') w]
    (if mode == "server" then server else client) port opt

versions :: [(String, String)] -> [Version]
versions opt = [v | (n, v) <- [("13", TLS13), ("12", TLS12), ("11", TLS11), ("10", TLS10)],
                    n >= fromMaybe "12" (lookup "min" opt), n <= fromMaybe "13" (lookup "max" opt)]

supported :: [(String, String)] -> Supported
supported opt = def { supportedCiphers = ciphersuite_default
                    , supportedVersions = versions opt
                    , supportedGroups = maybe (supportedGroups def) (map group . words) (lookup "groups" opt) }
  where group g = case g of { "x25519" -> X25519; "p256" -> P256; "p384" -> P384; "p521" -> P521; _ -> X448 }

store :: [(String, String)] -> IO CertificateStore
store opt = maybe (return mempty) (fmap (fromMaybe mempty) . readCertificateStore) (lookup "ca" opt)

credential :: [(String, String)] -> IO (Maybe Credential)
credential opt = case (lookup "cert" opt, lookup "key" opt) of
    (Just c, Just k) -> either (fail . show) (return . Just) =<< credentialLoadX509 c k
    _ -> return Nothing

client :: String -> [(String, String)] -> IO ()
client port opt = do
    address : _ <- getAddrInfo (Just defaultHints { addrSocketType = Stream }) (Just host) (Just port)
    sock <- socket (addrFamily address) Stream defaultProtocol
    connect sock (addrAddress address)
    cas <- store opt
    own <- credential opt
    let base = defaultParamsClient host ""
        params = base { clientSupported = supported opt
                      , clientShared = def { sharedCAStore = cas }
                      , clientUseServerNameIndication = lookup "name" opt /= Just "none"
                      , clientHooks = def { onCertificateRequest = \_ -> return own
                                          , onSuggestALPN = return (fmap (return . C.pack) (lookup "alpn" opt)) } }
    r <- try (do ctx <- contextNew sock params
                 handshake ctx
                 sendData ctx "GET / HTTP/1.0\r\n\r\n"
                 answer <- recvData ctx
                 putStrLn ("client: connected " ++ show (B.length answer))
                 bye ctx) :: IO (Either SomeException ())
    either (\e -> putStrLn ("client: error " ++ show e)) return r
    close sock

server :: String -> [(String, String)] -> IO ()
server port opt = do
    Just own <- credential opt
    cas <- store opt
    let params = def { serverShared = def { sharedCredentials = Credentials [own], sharedCAStore = cas }
                     , serverSupported = supported opt
                     , serverWantClientCert = isJust (lookup "auth" opt)
                     , serverCACertificates = listCertificates cas
                     , serverHooks = def { onClientCertificate = check cas
                                         , onALPNClientSuggest = fmap (choose . C.pack) (lookup "alpn" opt) } }
    listener <- socket AF_INET6 Stream defaultProtocol
    setSocketOption listener IPv6Only 0
    setSocketOption listener ReuseAddr 1
    bind listener (SockAddrInet6 (read port) 0 (0, 0, 0, 0) 0)
    listen listener 5
    forever $ do
        (sock, _) <- accept listener
        r <- try (do ctx <- contextNew sock params
                     handshake ctx
                     _ <- recvData ctx
                     sendData ctx (L.pack "HTTP/1.0 200 OK\r\n\r\nhello\n")
                     bye ctx) :: IO (Either SomeException ())
        either (\e -> putStrLn ("server: error " ++ show e)) return r
        close sock
  where
    choose want offered = if want `elem` offered then return want else throwIO (userError "no shared ALPN protocol")
    -- The default hook refuses every certificate.
    check cas chain = do
        why <- validate HashSHA256 defaultHooks defaultChecks { checkFQHN = False } cas def ("", "") chain
        return (if null why then CertificateUsageAccept else CertificateUsageReject (reason why))
    reason why
        | Expired `elem` why = CertificateRejectExpired
        | UnknownCA `elem` why = CertificateRejectUnknownCA
        | otherwise = CertificateRejectOther (show why)
