using Microsoft.Extensions.Caching.Memory;

namespace AkkaRegenCache.Demo.Farm;

/// <summary>
/// What the node would do if it had Microsoft's MemoryCache alone, used as most people use it: look the key up; on a miss ask the
/// origin, and keep the answer for its time to live. It sees every request of the node at the moment the node does, and every miss
/// makes a real call to the origin (to its <c>/plain/</c> side, which counts it). The calls run beside the request and don't delay it.
/// </summary>
/// <remarks>Failures are not kept. As with <c>GetOrCreateAsync</c> of MemoryCache, requests for a key that is being fetched fetch it too.</remarks>
internal sealed class PlainCache(HttpClient origin) : IDisposable
{
    private readonly MemoryCache _cache = new(new MemoryCacheOptions());
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, int> _fetching = new();

    public PlainRead Read(string key)
    {
        if (_cache.TryGetValue(key, out _))
            return PlainRead.Hit;

        // Asked on another thread, as even the first step of an HTTP call takes a while.
        bool alone = _fetching.AddOrUpdate(key, 1, static (_, n) => n + 1) == 1;
        ThreadPool.UnsafeQueueUserWorkItem(static s => _ = s.Cache.FetchAsync(s.Key), (Cache: this, Key: key), preferLocal: false);
        return alone ? PlainRead.MissAlone : PlainRead.Miss;
    }

    public void Dispose() => _cache.Dispose();

    private async Task FetchAsync(string key)
    {
        try
        {
            using HttpResponseMessage response = await origin.GetAsync(new Uri("/plain/" + key, UriKind.Relative));
            string answer = await response.Content.ReadAsStringAsync();
            if (response.IsSuccessStatusCode)
                _cache.Set(key, answer, EntryLife.Longest);
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException or ObjectDisposedException)
        {
            // The node died or the demo ended meanwhile.
        }
        finally
        {
            // Not exact while keys come and go, but it only tells a stampede from a single miss.
            if (_fetching.AddOrUpdate(key, 0, static (_, n) => n - 1) == 0)
                _fetching.TryRemove(new(key, 0));
        }
    }
}

/// <summary>What a plain cache made of a request.</summary>
internal enum PlainRead
{
    /// <summary>It had the value.</summary>
    Hit,

    /// <summary>It had not, and fetched it though it was fetching it already.</summary>
    Miss,

    /// <summary>It had not, and fetched it.</summary>
    MissAlone,
}

/// <summary>What the plain caches of all nodes did together. Thread-safe.</summary>
internal sealed class PlainStatistics
{
    private long _hits;
    private long _misses;
    private long _alone;

    public long Hits => Volatile.Read(ref _hits);

    /// <summary>Reads that would have waited for the origin.</summary>
    public long Misses => Volatile.Read(ref _misses);

    /// <summary>Of <see cref="Misses"/>, those that no other fetch of the key was under way for on the same node.</summary>
    public long MissesAlone => Volatile.Read(ref _alone);

    public void Read(PlainRead read)
    {
        Interlocked.Increment(ref read == PlainRead.Hit ? ref _hits : ref _misses);
        if (read == PlainRead.MissAlone)
            Interlocked.Increment(ref _alone);
    }
}
