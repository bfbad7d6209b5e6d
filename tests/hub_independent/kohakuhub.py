"""Starts KohakuHub from a checkout, without lakeFS. Runs in an environment of its own, see README.md:

    python kohakuhub.py CHECKOUT FOLDER PORT

Its API, database (SQLite) and S3 client are those of the checkout; S3 is the server of `moto`. In place of lakeFS
stands the test double that KohakuHub's own tests use, with two changes that make it more like lakeFS: contents lie in
S3, and commits have 64 digits.
"""

from __future__ import annotations

import hashlib
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

CHECKOUT, FOLDER, PORT = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
BUCKET = "hub-storage"


def configure(s3: str) -> None:
    """Set what KohakuHub reads from the environment."""
    here = f"http://127.0.0.1:{PORT}"
    values = {
        "BASE_URL": here,
        "INTERNAL_BASE_URL": here,
        "DB_BACKEND": "sqlite",
        "DATABASE_URL": f"sqlite:///{FOLDER / 'hub.db'}",
        "DATABASE_KEY": "for tests",
        "S3_ENDPOINT": s3,
        "S3_PUBLIC_ENDPOINT": s3,
        "S3_ACCESS_KEY": "test",
        "S3_SECRET_KEY": "test",
        "S3_BUCKET": BUCKET,
        "S3_REGION": "us-east-1",
        "S3_SIGNATURE_VERSION": "s3v4",
        "SESSION_SECRET": "for tests",
        "REQUIRE_EMAIL_VERIFICATION": "false",
        "FALLBACK_ENABLED": "false",
        "DISABLE_DATASET_VIEWER": "true",
        "LOG_DIR": str(FOLDER / "logs"),
    }
    os.environ.update({f"KOHAKU_HUB_{name}": value for name, value in values.items()})
    # Read by the client of S3.
    os.environ.update({"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"})


class Objects:
    """What the double asks of S3, asked of the server."""

    def __init__(self, endpoint: str) -> None:
        self.client: Any = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")

    def object_exists(self, bucket: str, key: str) -> bool:
        try:
            self.client.head_object(Bucket=bucket, Key=key)
        except self.client.exceptions.ClientError:
            return False
        return True

    @property
    def objects(self) -> Objects:
        return self

    def __getitem__(self, place: tuple[str, str]) -> Any:
        class Stored:
            body = self.client.get_object(Bucket=place[0], Key=place[1])["Body"].read()

        return Stored


def lakefs(s3: str) -> Any:
    """KohakuHub's double of lakeFS."""
    from test.kohakuhub.support.fakes import FakeLakeFSClient

    class Double(FakeLakeFSClient):  # type: ignore[misc, unused-ignore]
        def _new_commit_id(self, repo_name: str) -> str:
            return hashlib.sha256(f"{repo_name} {super()._new_commit_id(repo_name)}".encode()).hexdigest()

        async def upload_object(
            self, repository: str, branch: str, path: str, content: bytes, force: bool = False
        ) -> Any:
            stat = await super().upload_object(repository, branch, path, content, force)
            key = f"{repository}/data/{uuid.uuid4().hex}"
            self.s3_service.client.put_object(Bucket=BUCKET, Key=key, Body=content)
            stored = self._branch(repository, branch)["staging"][path]
            stored.physical_address = f"s3://{BUCKET}/{key}"
            return {**stat, "physical_address": stored.physical_address}

        async def delete_repository(self, repository: str, force: bool = False) -> None:
            await super().delete_repository(repository)

        async def aclose(self) -> None:
            pass

    return Double(Objects(s3), BUCKET)


def main() -> None:
    storage = ThreadedMotoServer(port=0, verbose=False)
    storage.start()
    host, port = storage.get_host_and_port()
    s3 = f"http://{host}:{port}"
    configure(s3)
    sys.path[:0] = [str(CHECKOUT / "src"), str(CHECKOUT)]
    import kohakuhub.lakefs_rest_client as rest

    double = lakefs(s3)
    rest.get_lakefs_rest_client = lambda: double
    import uvicorn
    from kohakuhub.db import init_db
    from kohakuhub.main import app

    init_db()
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")


if __name__ == "__main__":
    main()
