"""The embedded PostgreSQL: what it holds, who may do what, and how it comes back."""

import os
import stat
import subprocess

import psutil
import psycopg
import pytest

from app.embedded import paths, postgres, processes
from app.embedded.errors import EmbeddedError
from app.embedded.folders import make_folders
from tests.embedded.conftest import House


class Cluster:
    """A PostgreSQL on a data folder of its own."""

    def __init__(self, house: House) -> None:
        self.folder = house.folder
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        with (self.folder.logs / "postgres.log").open("ab") as log:
            self.process = processes.start(postgres.postgres_part(self.folder), output=log)
        postgres.provision(self.folder)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def connect(self, role: str) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder.postgres_sockets), user=role, dbname="parley", autocommit=True)


@pytest.fixture
def cluster(house: House) -> Cluster:
    make_folders(house.folder)
    return Cluster(house)


def test_it_is_18_with_vectors_and_two_roles(cluster: Cluster) -> None:
    cluster.start()
    with cluster.connect(paths.OWNER_ROLE) as owner:
        assert owner.info.server_version // 10_000 == 18
        owner.execute("create table thing (id int, place vector(3))")
        owner.execute("grant select, insert on thing to parley")
    with cluster.connect(paths.APPLICATION_ROLE) as application:
        application.execute("insert into thing values (1, '[1,2,3]')")
        assert application.execute("select place <-> '[1,2,4]' from thing").fetchone() == (1.0,)
        for forbidden in ("delete from thing", "truncate thing", "drop table thing", "create database other"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(forbidden)


def test_it_listens_on_no_port_and_only_its_user_may_enter(cluster: Cluster) -> None:
    cluster.start()
    assert not psutil.Process(cluster.process.pid).net_connections("tcp")
    assert stat.S_IMODE(cluster.folder.postgres_sockets.stat().st_mode) == 0o700


def test_after_a_hard_kill_it_starts_with_what_was_committed(cluster: Cluster) -> None:
    cluster.start()
    with cluster.connect(paths.OWNER_ROLE) as owner:
        owner.execute("create table kept as select 42 as answer")
    cluster.kill()
    assert (cluster.folder.postgres / "postmaster.pid").exists()
    cluster.start()
    with cluster.connect(paths.OWNER_ROLE) as owner:
        assert owner.execute("select answer from kept").fetchone() == (42,)


def test_a_lock_file_that_names_a_stranger_does_not_stop_it(cluster: Cluster) -> None:
    cluster.start()
    cluster.kill()
    lock = cluster.folder.postgres / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    cluster.start()


def test_a_server_left_running_is_ended_before_a_new_one(cluster: Cluster) -> None:
    cluster.start()
    left = cluster.process
    cluster.start()
    assert left.wait(10) == 0


def test_a_folder_with_other_things_in_it_is_left_alone(cluster: Cluster) -> None:
    cluster.folder.postgres.mkdir()
    (cluster.folder.postgres / "thesis.txt").write_text("precious")
    with pytest.raises(EmbeddedError, match="holds something that is not a PostgreSQL cluster"):
        cluster.start()
    assert (cluster.folder.postgres / "thesis.txt").read_text() == "precious"
