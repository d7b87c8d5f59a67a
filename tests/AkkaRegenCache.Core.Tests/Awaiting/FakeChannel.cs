using AkkaRegenCache.Awaiting;

namespace AkkaRegenCache.Core.Tests.Awaiting;

/// <summary>Channels that hear each other, themselves included; each may be cut off, and what is sent may be looked at.</summary>
internal sealed class FakeChannel(FakeChannel.Hub hub) : ICorrelatedChannel
{
    private Action<ReadOnlyMemory<byte>>? _hear;

    /// <summary>What a send throws; null: nothing.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Whether what is sent is lost, with nobody told.</summary>
    public bool Loses { get; set; }

    public bool IsSubscribed => _hear is not null;

    public byte[]? LastSent { get; private set; }

    public IDisposable Subscribe(Action<ReadOnlyMemory<byte>> hear)
    {
        _hear = hear;
        hub.All.Add(this);
        return new Ending(this);
    }

    public ValueTask<bool> SendAsync(ReadOnlyMemory<byte> frame)
    {
        if (Failure is not null)
            return ValueTask.FromException<bool>(Failure);
        LastSent = frame.ToArray();
        if (!Loses)
            hub.All.ForEach(channel => channel.Bring(frame.ToArray()));
        return new(true);
    }

    public void Bring(byte[] frame) => _hear?.Invoke(frame);

    internal sealed class Hub
    {
        public List<FakeChannel> All { get; } = [];
    }

    private sealed class Ending(FakeChannel channel) : IDisposable
    {
        public void Dispose() => channel._hear = null;
    }
}
