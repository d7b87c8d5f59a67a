using System.Globalization;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>Documents in memory. Others can come between a read and a write, and answers get lost.</summary>
/// <param name="clock">Ends documents.</param>
/// <param name="tellsTime">Whether its answers tell the time.</param>
internal sealed class FakeDocuments(TimeProvider clock, bool tellsTime = true) : ICompareAndSetStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (byte[] Content, long Version, DateTimeOffset Ends)> _documents = new(StringComparer.Ordinal);
    private long _versions;

    /// <summary>Comes before each set of a document.</summary>
    public Func<string, Task>? BeforeSet { get; set; }

    /// <summary>What comes of a set that was done, instead of its answer.</summary>
    public Func<string, Exception?>? AfterSet { get; set; }

    /// <summary>Comes before each read.</summary>
    public Func<string, CancellationToken, Task>? BeforeGet { get; set; }

    public int Gets { get; private set; }

    public int Sets { get; private set; }

    /// <summary>How long what was set last shall live.</summary>
    public TimeSpan LastLife { get; private set; }

    public IReadOnlyList<string> Names
    {
        get
        {
            lock (_gate)
                return [.. _documents.Keys];
        }
    }

    public byte[] this[string name]
    {
        get
        {
            lock (_gate)
                return _documents[name].Content;
        }

        set
        {
            lock (_gate)
                _documents[name] = (value, ++_versions, DateTimeOffset.MaxValue);
        }
    }

    /// <summary>The only document of a key of this cache, or of its epoch.</summary>
    public string NameOf(string part) => Names.Single(name => name.Contains($":{part}:", StringComparison.Ordinal));

    public void Remove(string name)
    {
        lock (_gate)
            _documents.Remove(name);
    }

    public async ValueTask<StoredDocument> GetAsync(string name, CancellationToken cancellationToken)
    {
        if (BeforeGet is { } before)
            await before(name, cancellationToken);
        lock (_gate)
        {
            Gets++;
            return Find(name) is { } found
                ? new StoredDocument(found.Content, found.Version.ToString(CultureInfo.InvariantCulture), Now)
                : StoredDocument.Absent(Now);
        }
    }

    public async ValueTask<bool> TrySetAsync(
        string name, ReadOnlyMemory<byte> content, string? expectedVersion, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        if (BeforeSet is { } before)
            await before(name);
        lock (_gate)
        {
            Sets++;
            if (Find(name)?.Version.ToString(CultureInfo.InvariantCulture) != expectedVersion)
                return false;
            LastLife = timeToLive;
            _documents[name] = (content.ToArray(), ++_versions, clock.GetUtcNow() + timeToLive);
        }

        return AfterSet?.Invoke(name) is { } error ? throw error : true;
    }

    private DateTimeOffset? Now => tellsTime ? clock.GetUtcNow() : null;

    private (byte[] Content, long Version, DateTimeOffset Ends)? Find(string name) =>
        _documents.TryGetValue(name, out var found) && found.Ends > clock.GetUtcNow() ? found : null;
}
