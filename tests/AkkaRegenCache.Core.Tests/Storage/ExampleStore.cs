using AkkaRegenCache.Storage;
using Microsoft.Data.Sqlite;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>Documents in a SQLite database: the store of all processes of one machine. Each process has an object of its own.</summary>
public sealed class ExampleStore : ICompareAndSetStore
{
    private readonly string _connectionString;
    private readonly TimeProvider _clock;
    private int _sets;

    /// <param name="path">The database's file.</param>
    /// <param name="clock">SQLite has no clock of its own, and runs on one machine: that machine's is the store's.</param>
    public ExampleStore(string path, TimeProvider? clock = null)
    {
        _connectionString = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 30 }.ConnectionString;
        _clock = clock ?? TimeProvider.System;
        using var connection = Open();
        Command(connection, """
            PRAGMA journal_mode = WAL;
            CREATE TABLE IF NOT EXISTS documents (
                name TEXT PRIMARY KEY, version TEXT NOT NULL, ends INTEGER NOT NULL, content BLOB NOT NULL);
            CREATE INDEX IF NOT EXISTS documents_ends ON documents (ends);
            """).ExecuteNonQuery();
    }

    public ValueTask<StoredDocument> GetAsync(string name, CancellationToken cancellationToken)
    {
        using var connection = Open();
        var now = _clock.GetUtcNow();
        using var command = Command(
            connection,
            "SELECT version, content FROM documents WHERE name = $name AND ends > $now",
            ("$name", name), ("$now", now.ToUnixTimeMilliseconds()));
        using var reader = command.ExecuteReader();
        return new(reader.Read()
            ? new StoredDocument(reader.GetFieldValue<byte[]>(1), reader.GetString(0), now)
            : StoredDocument.Absent(now));
    }

    public ValueTask<bool> TrySetAsync(
        string name, ReadOnlyMemory<byte> content, string? expectedVersion, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        using var connection = Open();
        var now = _clock.GetUtcNow();

        // One statement is one transaction. What has ended is as good as gone.
        using var command = Command(
            connection,
            expectedVersion is null
                ? """
                  INSERT INTO documents (name, version, ends, content) VALUES ($name, $version, $ends, $content)
                  ON CONFLICT (name) DO UPDATE SET version = $version, ends = $ends, content = $content WHERE ends <= $now
                  """
                : """
                  UPDATE documents SET version = $version, ends = $ends, content = $content
                  WHERE name = $name AND version = $expected AND ends > $now
                  """,
            ("$name", name),
            ("$version", Guid.NewGuid().ToString("N")),
            ("$expected", expectedVersion ?? ""),
            ("$ends", (now + timeToLive).ToUnixTimeMilliseconds()),
            ("$now", now.ToUnixTimeMilliseconds()),
            ("$content", content.ToArray()));
        var isDone = command.ExecuteNonQuery() == 1;
        if (Interlocked.Increment(ref _sets) % 1000 == 0)
            Command(connection, "DELETE FROM documents WHERE ends <= $now", ("$now", now.ToUnixTimeMilliseconds())).ExecuteNonQuery();
        return new(isDone);
    }

    private static SqliteCommand Command(SqliteConnection connection, string text, params (string Name, object Value)[] parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = text;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value);
        return command;
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        using var command = Command(connection, "PRAGMA synchronous = NORMAL");
        command.ExecuteNonQuery();
        return connection;
    }
}
