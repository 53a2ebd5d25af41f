from tests.inference.fixtures import more_servers, scripted_server

__all__ = ["more_servers", "scripted_server"]
