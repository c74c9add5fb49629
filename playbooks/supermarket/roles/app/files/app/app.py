"""Shows what the supermarket has in stock.

Settings come from the environment: MASTER_IP, DB_PORT, DB_NAME, DB_USER, ROOT_PASS, N_RAND_DATA, NODE_NAME, APP_PORT.
"""

import os
import socket
from pathlib import Path

import pymysql
from flask import Flask, jsonify, request

NODE = os.environ.get("NODE_NAME") or socket.gethostname()
NOTICE = Path("/var/lib/python/notice.txt")
COLUMNS = "id_codigo_barras, nome, marca, preco, data_compra, data_validade"

app = Flask(__name__)


def query(statement, *args):
    """Returns the rows of one statement; each request has its own connection."""
    connection = pymysql.connect(
        host=os.environ["MASTER_IP"],
        port=int(os.environ.get("DB_PORT", "3306")),
        user=os.environ.get("DB_USER", "root"),
        password=os.environ["ROOT_PASS"],
        database=os.environ["DB_NAME"],
        connect_timeout=3,
        cursorclass=pymysql.cursors.DictCursor,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, args)
        return cursor.fetchall()


def plain(row):
    """JSON has no decimals and no dates."""
    return {key: str(value) for key, value in row.items()}


@app.get("/")
def stock():
    """Some rows, `?limit=` of them, and which node answered."""
    limit = request.args.get("limit", default=10, type=int)
    total = query("SELECT COUNT(*) AS total FROM estoque")[0]["total"]
    rows = query(f"SELECT {COLUMNS} FROM estoque ORDER BY id_codigo_barras LIMIT %s", max(0, min(limit, 1000)))
    notice = NOTICE.read_text() if NOTICE.is_file() else ""
    return jsonify(
        node=NODE,
        notice=notice.strip(),
        total=total,
        n_rand_data=int(os.environ.get("N_RAND_DATA", "0")),
        rows=[plain(row) for row in rows],
    )


@app.get("/product/<code>")
def product(code):
    """One product by its bar code."""
    rows = query(f"SELECT {COLUMNS} FROM estoque WHERE id_codigo_barras = %s", code)
    if not rows:
        return jsonify(node=NODE, error=f"no product {code}"), 404
    return jsonify(node=NODE, product=plain(rows[0]))


@app.get("/health")
def health():
    """Whether the process answers; says nothing of the database."""
    return jsonify(node=NODE, status="ok")


@app.errorhandler(pymysql.Error)
def database_failed(error):
    """The database may start after the application."""
    return jsonify(node=NODE, error=f"database: {error.args[-1]}"), 503


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=int(os.environ.get("APP_PORT", "5000")), threaded=True)
