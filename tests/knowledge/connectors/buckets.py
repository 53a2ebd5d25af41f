"""A real S3 server on loopback, with one bucket."""

from __future__ import annotations

from typing import Any

import boto3
import requests


class Store:
    """An empty bucket called ``handbook`` in the moto server at a port; what that held before is gone."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.endpoint = f"http://{self.host}"
        requests.post(f"{self.endpoint}/moto-api/reset", timeout=10)
        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )
        self.client.create_bucket(Bucket="handbook")

    def put(self, key: str, body: bytes, **more: Any) -> None:
        self.client.put_object(Bucket="handbook", Key=key, Body=body, **more)
