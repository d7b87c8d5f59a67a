using Microsoft.Data.Sqlite;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>A folder for databases, gone with its owner.</summary>
internal sealed class ExampleFiles : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("regen-cache-documents-");
    private int _count;

    /// <summary>A file that is not there yet.</summary>
    public string Next() => Path.Combine(_folder.FullName, $"{Interlocked.Increment(ref _count)}.db");

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }
}
