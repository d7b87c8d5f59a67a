using System.Collections.Concurrent;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Microsoft.Extensions.Caching.Memory;

namespace AkkaRegenCache.Benchmarks;

/// <summary>
/// The reads of a warm key under BenchmarkDotNet, for a report with its statistics (in BenchmarkDotNet.Artifacts). In this process: the toolchain
/// that builds projects of its own needs a registry.
/// </summary>
[MemoryDiagnoser]
public class Reports : IDisposable
{
    private readonly string[] _keys = [.. Enumerable.Range(0, 1024).Select(i => $"product:{i}:price")];
    private readonly ConcurrentDictionary<string, object> _dictionary = new();
    private readonly MemoryCache _memoryCache = new(new MemoryCacheOptions());
    private RegenCache _regenCache = null!;
    private IRegenCache _cache = null!;
    private int _at;

    internal static int Run(string[] args)
    {
        var config = ManualConfig.Create(DefaultConfig.Instance).AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
        BenchmarkRunner.Run<Reports>(config, args);
        return 0;
    }

    /// <summary>Fills all of them.</summary>
    [GlobalSetup]
    public void Fill()
    {
        _cache = _regenCache = new RegenCache("reports");
        foreach (string key in _keys)
        {
            var product = new Product(key);
            _dictionary[key] = product;
            _memoryCache.Set(key, product);
            _cache.GetOrCreateAsync(key, product, static (made, _) => new ValueTask<Product>(made)).AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>Lets go of them.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _regenCache.Dispose();
        _memoryCache.Dispose();
    }

    /// <summary>What a hit is compared with.</summary>
    [Benchmark(Baseline = true)]
    public object? ConcurrentDictionary() => _dictionary.TryGetValue(Next(), out object? value) ? value : null;

    /// <summary>Microsoft's memory cache.</summary>
    [Benchmark]
    public object? MemoryCache() => _memoryCache.TryGetValue(Next(), out object? value) ? value : null;

    /// <summary>A hit with a state and a static delegate.</summary>
    [Benchmark]
    public ValueTask<Product> GetOrCreate() => _cache.GetOrCreateAsync(Next(), s_state, s_make);

    /// <summary>A hit with a closure, which costs its caller an allocation.</summary>
    [Benchmark]
    public ValueTask<Product> GetOrCreateWithClosure()
    {
        string key = Next();
        return _cache.GetOrCreateAsync(key, _ => new ValueTask<Product>(new Product(key)));
    }

    /// <summary>A read that never generates.</summary>
    [Benchmark]
    public ValueTask<CacheResult<Product>> TryGet() => _cache.TryGetAsync<Product>(Next());

    private static readonly object s_state = new();

    private static readonly Func<object, CancellationToken, ValueTask<Product>> s_make = static (_, _) => new(new Product("made"));

    private string Next() => _keys[_at++ & 1023];
}
