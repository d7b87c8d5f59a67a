using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Servers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>What a cache logs while Redis refuses or is gone: enough to know, and not a line for each key.</summary>
public sealed class StoreFailureLogTests
{
    private const int Keys = 40;

    /// <summary>The first of each kind in full, and counts; a kind may come twice on a slow machine.</summary>
    private const int MostLines = 10;

    private static readonly RegenEntryOptions s_options = new() { RegenerationInterval = TimeSpan.FromMinutes(10) };

    [RedisFact]
    public async Task What_redis_refuses_is_told_once_with_its_reason_and_then_as_a_count()
    {
        await using var server = await RedisServer.StartNewAsync(false, "--maxmemory-policy", "noeviction");
        var log = new CacheLog();
        await using (var link = await Link.ToAsync(server))
        {
            await using var cache = new RegenCache("catalog", null, new RedisStore(link.Connection), new RedisNotifications(link.Connection), logger: log);
            Assert.True((await cache.SetAsync("before", 1, s_options)).Accepted);
            await link.Admin.ConfigSetAsync("maxmemory", "1");
            for (var round = 0; round < 3; round++)
            {
                for (var key = 0; key < Keys; key++)
                    Assert.Equal(key, await cache.GetOrCreateAsync($"{round} {key}", _ => new ValueTask<int>(key), s_options));
            }
        }

        var lines = log.StoreFailures();
        Assert.InRange(lines.Length, 1, MostLines);
        Assert.Contains(lines, line => line.Text.Contains("OOM", StringComparison.Ordinal));
        Assert.All(lines, line => Assert.False(line.Exception is StoreRefusedException));
        Assert.InRange(log.Counted(), Keys, int.MaxValue);
    }

    [RedisFact]
    public async Task An_outage_is_told_once_and_then_as_a_count()
    {
        await using var server = await RedisServer.StartNewAsync();
        var log = new CacheLog();
        await using (var link = await Link.ToAsync(server))
        {
            await using var cache = new RegenCache("catalog", null, new RedisStore(link.Connection), new RedisNotifications(link.Connection), logger: log);
            Assert.True((await cache.SetAsync("before", 1, s_options)).Accepted);
            await server.KillAsync();
            await Task.WhenAll(Enumerable.Range(0, Keys).Select(async key =>
                Assert.Equal(key, await cache.GetOrCreateAsync($"{key}", _ => new ValueTask<int>(key), s_options))));
        }

        Assert.InRange(log.StoreFailures().Length, 1, MostLines);
        Assert.InRange(log.Counted(), 1, int.MaxValue);
    }

    private sealed class CacheLog : ILogger<RegenCache>
    {
        private readonly List<(LogLevel Level, string Text, Exception? Exception)> _lines = [];
        private int _counted;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_lines)
            {
                _lines.Add((logLevel, formatter(state, exception), exception));
                if (state is IReadOnlyList<KeyValuePair<string, object?>> values && values.FirstOrDefault(value => value.Key == "Count").Value is int count)
                    _counted += count;
            }
        }

        public int Counted()
        {
            lock (_lines)
                return _counted;
        }

        public (LogLevel Level, string Text, Exception? Exception)[] StoreFailures()
        {
            lock (_lines)
                return [.. _lines.Where(line => line.Level == LogLevel.Warning && line.Text.Contains("external store", StringComparison.Ordinal))];
        }
    }
}
