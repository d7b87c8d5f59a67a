using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Contracts;
using AkkaRegenCache.Testing.Time;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>The example keeps what the port promises.</summary>
public sealed class ExampleStoreTests : CompareAndSetStoreContract, IDisposable
{
    private readonly VirtualTimeProvider _clock = new();
    private readonly ExampleFiles _files = new();

    public ExampleStoreTests()
    {
        var file = _files.Next();
        Store = new ExampleStore(file, _clock);
        Other = new ExampleStore(file, _clock);
    }

    protected override ICompareAndSetStore Store { get; }

    protected override ICompareAndSetStore Other { get; }

    public void Dispose() => _files.Dispose();

    protected override Task AdvanceAsync(TimeSpan time)
    {
        _clock.Advance(time);
        return Task.CompletedTask;
    }
}

/// <summary>The tests' own documents do, too.</summary>
public sealed class FakeDocumentsTests : CompareAndSetStoreContract
{
    private readonly VirtualTimeProvider _clock = new();

    public FakeDocumentsTests() => Store = Other = new FakeDocuments(_clock);

    protected override ICompareAndSetStore Store { get; }

    protected override ICompareAndSetStore Other { get; }

    protected override Task AdvanceAsync(TimeSpan time)
    {
        _clock.Advance(time);
        return Task.CompletedTask;
    }
}

/// <summary>What every external store must do, over the example, which tells the time.</summary>
public sealed class ExampleAsExternalStoreTests : VirtualTimeStoreContract, IDisposable
{
    private readonly ExampleFiles _files = new();
    private readonly CompareAndSetExternalStore _store;

    public ExampleAsExternalStoreTests() => _store = new CompareAndSetExternalStore(new ExampleStore(_files.Next(), Clock), Clock);

    protected override IExternalStore Store => _store;

    public void Dispose() => _files.Dispose();
}

/// <summary>The same over documents without a clock: by the nodes' own.</summary>
public sealed class DocumentsAsExternalStoreTests : VirtualTimeStoreContract
{
    private readonly CompareAndSetExternalStore _store;

    public DocumentsAsExternalStoreTests() => _store = new CompareAndSetExternalStore(new FakeDocuments(Clock, tellsTime: false), Clock);

    protected override IExternalStore Store => _store;
}
