//! From the request to the stream.

mod config_meta_grpc;
