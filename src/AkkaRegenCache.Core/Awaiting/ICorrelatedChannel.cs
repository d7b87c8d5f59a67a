namespace AkkaRegenCache.Awaiting;

/// <summary>Carries the frames of one topic between nodes, at most once. Thread-safe.</summary>
internal interface ICorrelatedChannel
{
    /// <summary>
    /// Hands everything that is heard to <paramref name="hear"/>, which returns soon and never throws. Called once, at the
    /// start.
    /// </summary>
    /// <returns>Ends the subscription.</returns>
    IDisposable Subscribe(Action<ReadOnlyMemory<byte>> hear);

    /// <summary>Sends a frame to all nodes that are subscribed; whether this node hears it as well is left to the channel.</summary>
    /// <returns>Whether the farm has it; false: there is no farm at the moment. That all nodes hear it nobody knows.</returns>
    /// <exception cref="Exception">It could not be sent.</exception>
    ValueTask<bool> SendAsync(ReadOnlyMemory<byte> frame);
}
